package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ParseFault reads the short form of a fault, as the program's --fault takes it:
//
//	ENDPOINT:STEP[,STEP...]
//
// where a STEP is a status (503), delay=2s, hang[@STAGE], reset[@STAGE],
// truncate=N, drip=N/100ms, redirect=URL, gate=NAME or date=31s, and may end in
// xN for N requests or x* for all; or ENDPOINT:{JSON} with the fields of Fault.
func ParseFault(text string) (Endpoint, []Fault, error) {
	name, steps, ok := strings.Cut(text, ":")
	if !ok || name == "" || steps == "" {
		return "", nil, errors.New("a fault has the form ENDPOINT:STEP")
	}
	if strings.HasPrefix(steps, "{") {
		var f Fault
		d := json.NewDecoder(strings.NewReader(steps))
		d.DisallowUnknownFields()
		if err := d.Decode(&f); err != nil {
			return "", nil, fmt.Errorf("fault for %s: %w", name, err)
		}
		return Endpoint(name), []Fault{f}, nil
	}
	var faults []Fault
	for step := range strings.SplitSeq(steps, ",") {
		f, err := parseStep(step)
		if err != nil {
			return "", nil, fmt.Errorf("fault for %s: %q: %w", name, step, err)
		}
		faults = append(faults, f)
	}
	return Endpoint(name), faults, nil
}

func parseStep(step string) (Fault, error) {
	times := 1
	if at := strings.LastIndexByte(step, 'x'); at > 0 {
		if n, err := strconv.Atoi(step[at+1:]); err == nil {
			step, times = step[:at], n
		} else if step[at+1:] == "*" {
			step, times = step[:at], -1
		}
	}
	f, err := parseKind(step)
	return f.N(times), err
}

func parseKind(step string) (Fault, error) {
	if code, err := strconv.Atoi(step); err == nil {
		if code < 200 || code > 999 {
			return Fault{}, errors.New("not a status")
		}
		return Status(code), nil
	}
	kind, stage, _ := strings.Cut(step, "@")
	key, value, _ := strings.Cut(step, "=")
	switch {
	case kind == "hang" || kind == "reset":
		if !Stage(stage).valid() {
			return Fault{}, errors.New("not a stage (accept, head, request, answer, headers, body)")
		}
		return Fault{Stage: Stage(stage), Hang: kind == "hang", Reset: kind == "reset"}, nil
	case key == "delay" || key == "date":
		d, err := time.ParseDuration(value)
		if key == "date" {
			return Fault{DateOffset: Duration(d)}, err
		}
		return Delay(d), err
	case key == "truncate":
		n, err := strconv.Atoi(value)
		return Truncate(n), err
	case key == "drip":
		n, every, _ := strings.Cut(value, "/")
		bytes, err1 := strconv.Atoi(n)
		d, err2 := time.ParseDuration(every)
		return Drip(bytes, d), errors.Join(err1, err2)
	case key == "redirect" && value != "":
		return Redirect(307, value), nil
	case key == "gate" && value != "":
		return Fault{GateName: value}, nil
	}
	return Fault{}, errors.New("not a fault that is known")
}

func (s Stage) valid() bool {
	switch s {
	case "", StageAccept, StageHead, StageRequest, StageAnswer, StageHeaders, StageBody:
		return true
	}
	return false
}
