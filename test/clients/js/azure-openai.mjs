// Azure OpenAI with OpenAI's SDK; everything comes from the environment. Its client
// reads a key by itself, a token through a function.
import { AzureOpenAI } from 'openai';
import { talk } from './talk.mjs';

const { AZURE_OPENAI_AD_TOKEN: token } = process.env;
const client = new AzureOpenAI({ maxRetries: 0, deployment: 'gpt-5', ...(token && { azureADTokenProvider: async () => token }) });
talk(async function* (messages) {
  for await (const chunk of await client.chat.completions.create({ model: 'gpt-5', messages, stream: true })) {
    yield chunk.choices[0]?.delta?.content ?? '';
  }
});
