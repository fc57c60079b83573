package config_test

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// violations says where v departs from a schema. It knows the words that our
// schema uses and panics for any other, so that none is ignored.
func violations(root, schema object, v any, at string) []string {
	var found []string
	fail := func(format string, args ...any) { found = append(found, at+": "+fmt.Sprintf(format, args...)) }
	asObject, isObject := v.(map[string]any)
	asList, isList := v.([]any)
	asText, isText := v.(string)
	for word, arg := range schema {
		switch word {
		case "$schema", "title", "description", "definitions", "default", "additionalProperties":
		case "$ref":
			name := strings.TrimPrefix(arg.(string), "#/definitions/")
			found = append(found, violations(root, root["definitions"].(object)[name].(object), v, at)...)
		case "type":
			types, ok := arg.([]any)
			if !ok {
				types = []any{arg}
			}
			if !slices.Contains(types, any(typeName(v))) {
				fail("%v is none of %v", v, types)
			}
		case "const":
			if !reflect.DeepEqual(v, arg) {
				fail("%v is not %v", v, arg)
			}
		case "enum":
			if !slices.ContainsFunc(arg.([]any), func(a any) bool { return reflect.DeepEqual(a, v) }) {
				fail("%v is none of %v", v, arg)
			}
		case "pattern":
			if isText && !regexp.MustCompile(arg.(string)).MatchString(asText) {
				fail("%q does not match", asText)
			}
		case "minItems":
			if isList && len(asList) < int(arg.(float64)) {
				fail("too few items")
			}
		case "items":
			for i, item := range asList {
				found = append(found, violations(root, arg.(object), item, fmt.Sprintf("%s[%d]", at, i))...)
			}
		case "required":
			for _, name := range arg.([]any) {
				if _, ok := asObject[name.(string)]; isObject && !ok {
					fail("lacks %v", name)
				}
			}
		case "propertyNames":
			for name := range asObject {
				found = append(found, violations(root, arg.(object), name, at+" name")...)
			}
		case "properties":
			for name, value := range asObject {
				if sub, ok := arg.(object)[name]; ok {
					found = append(found, violations(root, sub.(object), value, at+"."+name)...)
				}
			}
		case "anyOf":
			if !slices.ContainsFunc(arg.([]any), func(s any) bool { return len(violations(root, s.(object), v, at)) == 0 }) {
				fail("%v fits none of the forms", v)
			}
		default:
			panic("the validator does not know " + word)
		}
	}
	properties, _ := schema["properties"].(object)
	for name, value := range asObject {
		if _, ok := properties[name]; ok {
			continue
		}
		switch rest := schema["additionalProperties"].(type) {
		case bool:
			if !rest {
				fail("%s is unknown", name)
			}
		case object:
			found = append(found, violations(root, rest, value, at+"."+name)...)
		}
	}
	return found
}

func typeName(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case float64:
		return "number"
	case string:
		return "string"
	case []any:
		return "array"
	}
	return "object"
}
