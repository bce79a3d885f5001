export declare const KUBERNETES_VERSION = "v1.36.2";
/** A directory with etcd, kube-apiserver, kube-controller-manager, kube-proxy and kubectl. */
export interface KubernetesBinaries {
    readonly bin: string;
}
/**
 * The binaries that are there already: where KUBEBUILDER_ASSETS says, in /usr/local/kubebuilder/bin, or in our cache;
 * undefined when none of these has all five.
 */
export declare function findKubernetes(env?: NodeJS.ProcessEnv): KubernetesBinaries | undefined;
/** Finds the binaries, or builds them once with the Go toolchain (some minutes), telling how it goes on stderr. */
export declare function ensureKubernetes(env?: NodeJS.ProcessEnv): Promise<KubernetesBinaries>;
/** Why `ensureKubernetes` could not build, or undefined when it could. */
export declare function cannotBuild(env?: NodeJS.ProcessEnv): Promise<string | undefined>;
