// Bedrock with AWS's SDK; everything comes from the environment. A prompt is the
// name of an operation and a model id, which may be an ARN. The SDK speaks HTTP/2
// for event streams unless it is given its other handler.
import {
  BedrockRuntimeClient, ConverseCommand, ConverseStreamCommand, InvokeModelCommand, InvokeModelWithResponseStreamCommand,
} from '@aws-sdk/client-bedrock-runtime';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { talk } from './talk.mjs';

const client = new BedrockRuntimeClient({ maxAttempts: 1, requestHandler: new NodeHttpHandler() });
const body = JSON.stringify({ anthropic_version: 'bedrock-2023-05-31', max_tokens: 64, messages: [{ role: 'user', content: 'hello' }] });
const messages = [{ role: 'user', content: [{ text: 'hello' }] }];
const json = (bytes) => JSON.parse(new TextDecoder().decode(bytes));

const operations = {
  async invoke(modelId) {
    const answer = await client.send(new InvokeModelCommand({ modelId, body, contentType: 'application/json' }));
    return json(answer.body).content[0].text;
  },
  async converse(modelId) {
    const answer = await client.send(new ConverseCommand({ modelId, messages }));
    return answer.output.message.content[0].text;
  },
  async *invokeStream(modelId) {
    const answer = await client.send(new InvokeModelWithResponseStreamCommand({ modelId, body, contentType: 'application/json' }));
    for await (const event of answer.body) {
      const inner = json(event.chunk.bytes);
      if (inner.type === 'content_block_delta') yield inner.delta.text;
    }
  },
  async *converseStream(modelId) {
    const answer = await client.send(new ConverseStreamCommand({ modelId, messages }));
    for await (const event of answer.stream) {
      if (event.contentBlockDelta) yield event.contentBlockDelta.delta.text;
    }
  },
};

talk((said) => {
  const [operation, modelId] = said.at(-1).content.split(' ');
  return operations[operation](modelId);
});
