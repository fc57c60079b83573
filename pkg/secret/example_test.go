package secret_test

import (
	"fmt"

	"github.com/awf-cred/awf-cred/pkg/secret"
)

func Example() {
	token := secret.New("sk-example")
	fmt.Printf("%v %+v %q\n", token, token, token)
	fmt.Println(len(token.Reveal()))
	// Output:
	// (redacted) (redacted) (redacted)
	// 10
}
