// Azure OpenAI with OpenAI's SDK; everything comes from the environment.
import { AzureOpenAI } from 'openai';
import { talk } from './talk.mjs';

const client = new AzureOpenAI({ maxRetries: 0, deployment: 'gpt-5' });
talk(async function* (messages) {
  for await (const chunk of await client.chat.completions.create({ model: 'gpt-5', messages, stream: true })) {
    yield chunk.choices[0]?.delta?.content ?? '';
  }
});
