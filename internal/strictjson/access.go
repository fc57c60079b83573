package strictjson

// String returns a string member, "" and false when it is absent or another type.
func (m Map) String(key string) (string, bool) {
	s, ok := m[key].(string)
	return s, ok
}

// Object returns an object member, nil when it is absent or another type. A nil
// Map can be read.
func (m Map) Object(key string) Map {
	o, _ := m[key].(Map)
	return o
}

// Kind names the JSON type of a member for messages: "absent", "null", "a string",
// "a number", "a boolean", "an array", "an object".
func (m Map) Kind(key string) string {
	v, ok := m[key]
	if !ok {
		return "absent"
	}
	switch v.(type) {
	case nil:
		return "null"
	case string:
		return "a string"
	case bool:
		return "a boolean"
	case []any:
		return "an array"
	case Map:
		return "an object"
	}
	return "a number"
}
