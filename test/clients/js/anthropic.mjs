// The Anthropic API with the vendor's SDK; everything comes from the environment.
import Anthropic from '@anthropic-ai/sdk';
import { talk, texts } from './talk.mjs';

const client = new Anthropic({ maxRetries: 0 });
talk((messages) => texts(client.messages.stream({ model: 'claude-opus-4-8', max_tokens: 64, messages })));
