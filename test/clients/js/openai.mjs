// OpenAI with the vendor's SDK; everything comes from the environment. The
// conversation goes in turn through chat completions and the Responses API.
import OpenAI from 'openai';
import { talk } from './talk.mjs';

const client = new OpenAI({ maxRetries: 0 });
const model = 'gpt-5';

async function* chat(messages) {
  for await (const chunk of await client.chat.completions.create({ model, messages, stream: true })) {
    yield chunk.choices[0]?.delta?.content ?? '';
  }
}

async function* responses(input) {
  for await (const event of await client.responses.create({ model, input, stream: true })) {
    if (event.type === 'response.output_text.delta') yield event.delta;
  }
}

let turn = 0;
talk((messages) => (turn++ % 2 ? responses(messages) : chat(messages)));
