// Vertex AI with Anthropic's SDK. With GATEWAY set it is behind a proxy that holds
// the credential, and its own adds nothing; else it is Google's default one.
import { AnthropicVertex } from '@anthropic-ai/vertex-sdk';
import { talk, texts } from './talk.mjs';

const nothing = { getRequestHeaders: async () => new Headers(), projectId: process.env.ANTHROPIC_VERTEX_PROJECT_ID };
const client = new AnthropicVertex({ maxRetries: 0, ...(process.env.GATEWAY && { authClient: nothing }) });
talk((messages) => texts(client.messages.create({ model: 'claude-opus-4-8', max_tokens: 64, messages, stream: true })));
