package provider

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/secret"
)

// A short-term key of Bedrock is a presigned request in base64 (the vendor's
// aws-bedrock-token-generator): POST https://bedrock.amazonaws.com/ with the one
// parameter Action, whatever the region, signed for `bedrock` in the caller's
// region with the host alone, and &Version=1 behind it, which is not signed.
const (
	bedrockKeyPrefix = "bedrock-api-key-"
	bedrockKeyHost   = "bedrock.amazonaws.com"
	bedrockKeyLonger = 12 * time.Hour // X-Amz-Expires is at most 43,200 s
)

// emptySum is the SHA-256 of an empty body.
const emptySum = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// bedrockAPIKey makes a key of temporary keys. It lives as long as they do, at most
// twelve hours, and is good in one region.
func bedrockAPIKey(region string, c exchange.Credential, now time.Time) (secret.Value, error) {
	life := bedrockKeyLonger
	if !c.ExpiresAt.IsZero() {
		life = min(life, c.ExpiresAt.Sub(now)).Truncate(time.Second)
	}
	if life < time.Second {
		return secret.Value{}, errors.New("the keys have expired")
	}
	return presignBedrock(region, c.AWS, now, life)
}

func presignBedrock(region string, keys *exchange.AWSKeys, now time.Time, life time.Duration) (secret.Value, error) {
	query := "Action=CallWithBearerToken&X-Amz-Expires=" + strconv.FormatInt(int64(life/time.Second), 10)
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "https://"+bedrockKeyHost+"/?"+query, http.NoBody)
	if err != nil {
		return secret.Value{}, err
	}
	credentials := sdk.Credentials{
		AccessKeyID: keys.AccessKeyID.Reveal(), SecretAccessKey: keys.SecretAccessKey.Reveal(), SessionToken: keys.SessionToken.Reveal(),
	}
	signed, _, err := v4.NewSigner().PresignHTTP(context.Background(), credentials, req, emptySum, bedrock, region, now)
	if err != nil {
		return secret.Value{}, errors.New("the key could not be signed")
	}
	plain := strings.TrimPrefix(signed, "https://") + "&Version=1"
	return secret.New(bedrockKeyPrefix + base64.StdEncoding.EncodeToString([]byte(plain))), nil
}
