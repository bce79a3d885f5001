import * as pb from '#gen';
import type { MethodDefinition } from 'nice-grpc';

/** A generated service seen as a table of methods: name in camelCase to how it is called and what it carries. */
export type Definition<Service> = {
  [Name in keyof Service as Service[Name] extends GeneratedMethod ? Name : never]: Service[Name] extends GeneratedMethod
    ? MethodDefinition<
        Sent<Service[Name]['requestType']>,
        Received<Service[Name]['requestType']>,
        Sent<Service[Name]['responseType']>,
        Received<Service[Name]['responseType']>,
        Streamed<Service[Name]['requestStream']>,
        Streamed<Service[Name]['responseStream']>
      >
    : never;
};

/** What the generator puts on every method of a service. */
interface GeneratedMethod {
  readonly path: string;
  readonly requestType: string;
  readonly responseType: string;
  readonly requestStream: true | undefined;
  readonly responseStream: true | undefined;
}

type Sent<Name> = Codec<Name> extends { encode(message: infer Message, ...rest: never[]): unknown } ? Message : never;
type Received<Name> = Codec<Name> extends { decode(...rest: never[]): infer Message } ? Message : never;
type Codec<Name> = Name extends keyof typeof pb ? (typeof pb)[Name] : never;
type Streamed<Flag> = Flag extends true ? true : false;

interface AnyCodec {
  encode(message: unknown): { finish(): Uint8Array };
  decode(bytes: Uint8Array): unknown;
}

function define<Service>(generated: { readonly prototype: Service }): Definition<Service> {
  const prototype = generated.prototype as Record<string, unknown>;
  const methods = Object.getOwnPropertyNames(prototype).flatMap((name) => {
    const method = prototype[name] as GeneratedMethod;
    return typeof method.path === 'string' ? [[name, describe(method)] as const] : [];
  });
  return Object.fromEntries(methods) as Definition<Service>;
}

function describe(method: GeneratedMethod): MethodDefinition<unknown, unknown, unknown, unknown> {
  const request = codec(method.requestType);
  const response = codec(method.responseType);
  return {
    path: method.path,
    requestStream: method.requestStream === true,
    responseStream: method.responseStream === true,
    requestSerialize: (message) => request.encode(message).finish(),
    requestDeserialize: (bytes) => request.decode(bytes),
    responseSerialize: (message) => response.encode(message).finish(),
    responseDeserialize: (bytes) => response.decode(bytes),
    options: {},
  };
}

function codec(name: string): AnyCodec {
  return (pb as unknown as Record<string, AnyCodec>)[name]!;
}

export const LoadBalancersService = define(pb.LoadBalancersService);
export const MachineService = define(pb.MachineService);
export const SiteService = define(pb.SiteService);
export const MachinesService = define(pb.MachinesService);
export const CertificatesService = define(pb.CertificatesService);
export const IdentityService = define(pb.IdentityService);
export const HealthService = define(pb.HealthService);
/** grpc.health.v1, for probers that know nothing of us. */
export const GrpcHealthService = define(pb.Health);

/**
 * The message with every default filled in, as its receiver would see it. For tests, and for code that calls a handler
 * without a network between.
 */
export function received<Message, In>(
  type: { encode(message: In): { finish(): Uint8Array }; decode(bytes: Uint8Array): Message },
  message: NoInfer<In>,
): Message {
  return type.decode(type.encode(message).finish());
}
