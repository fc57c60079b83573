package sandbox

// vendors are all hosts of the sandbox, one file each.
func (s *Sandbox) vendors() []vendor {
	return []vendor{
		github(s), anthropic(s), aws(s), bedrock(s), gcp(s), iam(s), vertex(s),
		azure(s), foundry(s), openaiAuth(s), openai(s), admin(s),
	}
}

// Hosts are the names of all vendors' hosts, without the admin listener.
func (s *Sandbox) Hosts() []Host {
	var names []Host
	for _, v := range s.vendors() {
		if v.name != HostAdmin {
			names = append(names, v.name)
		}
	}
	return names
}

// Endpoints are all that can be faulted.
func (s *Sandbox) Endpoints() []Endpoint {
	var all []Endpoint
	for _, v := range s.vendors() {
		all = append(all, v.has...)
	}
	return all
}
