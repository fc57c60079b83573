// Package strictjson reads JSON that came from a server or from inside a token:
// one object, read strictly, as a map.
//
// encoding/json alone is lenient in ways that let two readers see two meanings:
// it takes the last of duplicate keys, matches struct fields in any case, replaces
// invalid UTF-8, and nests as deep as memory allows. [Object] refuses all of that
// (RFC 8259 sections 4 and 8.1; RFC 7519 section 4 lets a reader refuse duplicate
// claims). Bounding the length is the caller's work.
//
// Errors name what is wrong and never hold a value.
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"
)

// MaxDepth is how deep objects and arrays may nest.
const MaxDepth = 32

// Map is a JSON object. Values are string, [json.Number], bool, nil, []any or Map.
type Map map[string]any

// Object reads data, which must be one JSON object and nothing else.
func Object(data []byte) (Map, error) {
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, errors.New("is empty")
	}
	if !utf8.Valid(data) {
		return nil, errors.New("is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	v, err := value(d, 0)
	if err != nil {
		return nil, err
	}
	m, ok := v.(Map)
	if !ok {
		return nil, errors.New("is not a JSON object")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("has something after the JSON object")
	}
	return m, nil
}

func value(d *json.Decoder, depth int) (any, error) {
	t, err := d.Token()
	if err != nil {
		return nil, syntax(d)
	}
	delim, ok := t.(json.Delim)
	if !ok {
		return t, nil
	}
	if depth == MaxDepth {
		return nil, fmt.Errorf("nests more than %d deep", MaxDepth)
	}
	if delim == '{' {
		return object(d, depth+1)
	}
	return array(d, depth+1)
}

func object(d *json.Decoder, depth int) (any, error) {
	m := Map{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, syntax(d)
		}
		key, ok := t.(string)
		if !ok {
			return nil, syntax(d)
		}
		if _, twice := m[key]; twice {
			return nil, errors.New("has a key twice in one object")
		}
		if m[key], err = value(d, depth); err != nil {
			return nil, err
		}
	}
	return m, end(d)
}

func array(d *json.Decoder, depth int) (any, error) {
	list := []any{}
	for d.More() {
		v, err := value(d, depth)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, end(d)
}

func end(d *json.Decoder) error {
	if _, err := d.Token(); err != nil {
		return syntax(d)
	}
	return nil
}

// syntax stands for the decoder's own error, which quotes the input.
func syntax(d *json.Decoder) error {
	return errors.New("is not JSON (byte " + strconv.FormatInt(d.InputOffset()+1, 10) + ")")
}
