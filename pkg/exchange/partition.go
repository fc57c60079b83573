package exchange

import (
	"errors"
	"strings"
)

// AWSPartition is a part of AWS with its own accounts and host names.
type AWSPartition struct {
	Name      string // as in ARNs
	Suffix    string // of service hosts
	DualStack string // of service hosts that also speak IPv6
}

// The partitions and the prefix of their regions (botocore data, partitions.json;
// aws-eusc as in the vendor's own SDKs). Regions that match none are of the first.
var awsPartitions = []struct {
	prefix string
	AWSPartition
}{
	{"", AWSPartition{"aws", "amazonaws.com", "api.aws"}},
	{"cn-", AWSPartition{"aws-cn", "amazonaws.com.cn", "api.amazonwebservices.com.cn"}},
	{"us-gov-", AWSPartition{"aws-us-gov", "amazonaws.com", "api.aws"}},
	{"us-iso-", AWSPartition{"aws-iso", "c2s.ic.gov", "api.aws.ic.gov"}},
	{"us-isob-", AWSPartition{"aws-iso-b", "sc2s.sgov.gov", "api.aws.scloud"}},
	{"eu-isoe-", AWSPartition{"aws-iso-e", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"}},
	{"us-isof-", AWSPartition{"aws-iso-f", "csp.hci.ic.gov", "api.aws.hci.ic.gov"}},
	{"eusc-", AWSPartition{"aws-eusc", "amazonaws.eu", "api.amazonwebservices.eu"}},
}

// AWSPartitionOf is the partition of a region; the list of regions grows, so that
// an unknown one is taken for one of the first partition.
func AWSPartitionOf(region string) AWSPartition {
	for _, p := range awsPartitions[1:] {
		if strings.HasPrefix(region, p.prefix) {
			return p.AWSPartition
		}
	}
	return awsPartitions[0].AWSPartition
}

// CheckAWSRegion says why value does not look like a region, such as us-east-1. It
// becomes part of a host name.
func CheckAWSRegion(value string) error {
	parts := strings.Split(value, "-")
	last := parts[len(parts)-1]
	ok := len(parts) >= 3 && len(value) <= 32 && len(parts[0]) >= 2 && last != "" && all(last, isDigit) && all(parts[0], isLower)
	for _, p := range parts {
		ok = ok && p != "" && all(p, func(c byte) bool { return isLower(c) || isDigit(c) })
	}
	if !ok {
		return errors.New("is not a region such as us-east-1")
	}
	return nil
}

// stsEndpoint is the regional endpoint of STS (botocore data, endpoint rule set of
// sts): in aws-us-gov the plain host is the FIPS one.
func stsEndpoint(region string, fips, dualStack bool) string {
	p := AWSPartitionOf(region)
	host, suffix := "sts", p.Suffix
	if dualStack {
		suffix = p.DualStack
	}
	if fips && (dualStack || p.Name != "aws-us-gov") {
		host = "sts-fips"
	}
	return "https://" + host + "." + region + "." + suffix + "/"
}
