package output

import "github.com/awf-cred/awf-cred/pkg/exchange"

// refuse is the error of an output that cannot be made.
func refuse(step, why, hint string) error {
	return &exchange.Error{Step: step, Cause: exchange.Usage, Description: why, Hint: hint}
}
