// Bedrock with Anthropic's SDK; everything comes from the environment. The model id
// has a colon, which this SDK sends as it is.
import { AnthropicBedrock } from '@anthropic-ai/bedrock-sdk';
import { talk, texts } from './talk.mjs';

const client = new AnthropicBedrock({ maxRetries: 0 });
const model = 'us.anthropic.claude-opus-4-8-v1:0';
talk((messages) => texts(client.messages.create({ model, max_tokens: 64, messages, stream: true })));
