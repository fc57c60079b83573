// Vertex AI with Google's own library: application default credentials, and one
// call that is signed in with them.
import { GoogleAuth } from 'google-auth-library';
import { talk } from './talk.mjs';

const { VERTEX, ANTHROPIC_VERTEX_PROJECT_ID: project } = process.env;
const auth = new GoogleAuth({ scopes: ['https://www.googleapis.com/auth/cloud-platform'] });
const url = `${VERTEX}/v1/projects/${project}/locations/global/publishers/google/models/gemini-3:generateContent`;
talk(async (messages) => {
  const client = await auth.getClient();
  const data = { contents: [{ role: 'user', parts: [{ text: messages.at(-1).content }] }] };
  const answer = await client.request({ url, method: 'POST', data });
  return answer.data.candidates[0].content.parts[0].text;
});
