// Lists pods with the credential of the kubeconfig's exec plugin.
import { CoreV1Api, KubeConfig } from '@kubernetes/client-node';
import { talk } from './talk.mjs';

const config = new KubeConfig();
config.loadFromDefault();
const api = config.makeApiClient(CoreV1Api);
talk(async () => (await api.listNamespacedPod({ namespace: 'default' })).items[0].metadata.name);
