// Holds a streamed conversation with the Messages API: one JSON string a line in,
// one JSON object a line out. Everything else comes from the environment.
import { createInterface } from 'node:readline';
import Anthropic from '@anthropic-ai/sdk';

const client = new Anthropic({ maxRetries: 0 });
const messages = [];
for await (const line of createInterface({ input: process.stdin })) {
  messages.push({ role: 'user', content: JSON.parse(line) });
  let pieces = 0;
  try {
    const stream = client.messages.stream({ model: 'claude-opus-4-8', max_tokens: 64, messages });
    stream.on('text', () => pieces++);
    const text = await stream.finalText();
    messages.push({ role: 'assistant', content: text });
    console.log(JSON.stringify({ text, pieces }));
  } catch (error) {
    console.log(JSON.stringify({ error: String(error), pieces }));
  }
}
