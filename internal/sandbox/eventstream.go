package sandbox

import (
	"encoding/binary"
	"hash/crc32"
)

// eventFrame is one message of application/vnd.amazon.eventstream: total length,
// header length and their CRC, the headers, the payload, and the CRC of all
// (AWS, "Event stream encoding"). Headers come as name, value, name, value...
// and are all strings.
func eventFrame(payload []byte, headers ...string) []byte {
	var h []byte
	for i := 0; i+1 < len(headers); i += 2 {
		h = append(h, byte(len(headers[i])))
		h = append(h, headers[i]...)
		h = append(h, 7) // a string
		h = binary.BigEndian.AppendUint16(h, uint16(len(headers[i+1])))
		h = append(h, headers[i+1]...)
	}
	total := 12 + len(h) + len(payload) + 4
	b := binary.BigEndian.AppendUint32(make([]byte, 0, total), uint32(total))
	b = binary.BigEndian.AppendUint32(b, uint32(len(h)))
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	b = append(append(b, h...), payload...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
}

// event is a frame that carries a JSON event of that type.
func eventMessage(kind string, payload []byte) []byte {
	return eventFrame(payload, ":event-type", kind, ":content-type", "application/json", ":message-type", "event")
}
