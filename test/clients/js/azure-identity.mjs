// Azure OpenAI with a token of Azure's own identity library, which exchanges the
// JWT in AZURE_FEDERATED_TOKEN_FILE itself.
import { WorkloadIdentityCredential } from '@azure/identity';
import { talk } from './talk.mjs';

const credential = new WorkloadIdentityCredential({ disableInstanceDiscovery: true });
talk(async (messages) => {
  const { token } = await credential.getToken('https://cognitiveservices.azure.com/.default');
  const answer = await fetch(`${process.env.AZURE_OPENAI_ENDPOINT}/openai/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ model: 'gpt-5', messages }),
  });
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
  return (await answer.json()).choices[0].message.content;
});
