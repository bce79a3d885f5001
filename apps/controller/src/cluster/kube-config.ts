import { explainFailure } from '@fairlead/telemetry';
import { KubeConfig } from '@kubernetes/client-node';

/** What client-node takes when there is neither file nor service account. */
const NOWHERE = 'http://localhost:8080';

/** How to reach the API server: by that file, else $KUBECONFIG, else the pod's service account; or why not, one sentence. */
export function loadKubeConfig(
  file: string | undefined,
): { readonly kubeConfig: KubeConfig } | { readonly refused: string } {
  const kubeConfig = new KubeConfig();
  const where = file === undefined ? 'the kubeconfig' : `the kubeconfig ${file}`;
  try {
    if (file === undefined) kubeConfig.loadFromDefault();
    else kubeConfig.loadFromFile(file);
  } catch (error) {
    return { refused: `--kubeconfig: ${where} cannot be used (${explainFailure(error)})` };
  }
  const server = kubeConfig.getCurrentCluster()?.server;
  if (server === undefined) {
    return { refused: `--kubeconfig: ${where} names no current cluster: set current-context to one of its contexts` };
  }
  if (file === undefined && server === NOWHERE) {
    return { refused: '--kubeconfig: there is no kubeconfig, and this is no pod with a service account: give one' };
  }
  if (!URL.canParse(server)) return { refused: `--kubeconfig: server of ${where} is no URL: write https://HOST:PORT` };
  return { kubeConfig };
}
