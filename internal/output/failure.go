package output

// Failure is an error as other programs read it.
type Failure struct {
	Class      string // error class, docs/exit-codes.md
	Code       int    // exit status
	Message    string
	Hint       string // next steps, one a line
	Provider   string
	Status     int    // HTTP status, 0 for none
	OAuthError string // the vendor's error code
	RequestID  string
	Retryable  bool
}

type failureShape struct {
	Class      string  `json:"class"`
	Code       int     `json:"code"`
	Message    string  `json:"message"`
	Hint       *string `json:"hint"`
	Provider   *string `json:"provider"`
	Status     *int    `json:"status"`
	OAuthError *string `json:"oauth_error"`
	RequestID  *string `json:"request_id"`
	Retryable  bool    `json:"retryable"`
}

// FailureJSON is the object on stderr with --format json or --log-format json.
func FailureJSON(f Failure) ([]byte, error) {
	shape := failureShape{
		Class: f.Class, Code: f.Code, Message: f.Message, Hint: known(f.Hint), Provider: known(f.Provider),
		OAuthError: known(f.OAuthError), RequestID: known(f.RequestID), Retryable: f.Retryable,
	}
	if f.Status != 0 {
		shape.Status = &f.Status
	}
	return JSON(struct {
		Error failureShape `json:"error"`
	}{shape})
}
