// A conversation over standard streams: one JSON string a line in, one JSON object
// a line out. answer(messages) is an asynchronous generator of the pieces of a
// streamed answer, or a promise of a whole one.
import { createInterface } from 'node:readline';

export async function talk(answer) {
  const messages = [];
  for await (const line of createInterface({ input: process.stdin })) {
    messages.push({ role: 'user', content: JSON.parse(line) });
    const said = { text: '', pieces: 0 };
    try {
      const reply = answer(messages);
      if (reply[Symbol.asyncIterator]) {
        for await (const piece of reply) {
          said.text += piece;
          if (piece) said.pieces++;
        }
      } else {
        said.text = await reply;
        said.whole = true;
      }
      messages.push({ role: 'assistant', content: said.text });
    } catch (error) {
      said.error = String(error);
    }
    console.log(JSON.stringify(said));
  }
}

// texts are the pieces of a stream of the Messages API.
export async function* texts(stream) {
  for await (const event of await stream) {
    if (event.type === 'content_block_delta') yield event.delta.text;
  }
}
