import type * as pb from '#gen';
import { type Check, type Endpoint, HTTP_STATUS_RANGE, type Port, type Target } from '@fairlead/model';
import * as read from './check.ts';

/** The part of a Port message that says where connections go. */
export function targetToProto(target: Target): Pick<pb.Port.$Properties, 'nodePort' | 'endpoints'> {
  if (target.kind === 'endpoints') return { endpoints: { endpoints: target.endpoints } };
  const { nodePort, nodes, drainingNodes = [], lastResort = false } = target;
  const named = nodes === 'all' ? { onlyNamedNodes: false } : { onlyNamedNodes: true, nodeNames: nodes };
  return { nodePort: { nodePort, ...named, drainingNodeNames: drainingNodes, lastResort } };
}

/** Throws INVALID_ARGUMENT with the field at fault. */
export function targetFromProto(proto: pb.Port, path: string): Target {
  if (proto.nodePort) return nodePortFromProto(proto.nodePort, `${path}.node_port`);
  const { endpoints } = read.required(proto.endpoints, `${path}.target`);
  const targets = endpoints.map((endpoint, index) => endpointFromProto(endpoint, `${path}.endpoints[${index}]`));
  read.distinct(
    targets.map(({ name }) => name),
    `${path}.endpoints`,
  );
  return { kind: 'endpoints', endpoints: targets };
}

function nodePortFromProto(proto: pb.NodePortTarget, path: string): Target {
  const nodePort = read.readPort(proto.nodePort, `${path}.node_port`);
  if (!proto.onlyNamedNodes) {
    if (proto.nodeNames.length + proto.drainingNodeNames.length > 0)
      throw read.invalid(`${path}.node_names`, 'must be empty unless only_named_nodes is set');
    return { kind: 'node-port', nodePort, nodes: 'all' };
  }
  const nodes = proto.nodeNames.map((name, index) => read.readName(name, `${path}.node_names[${index}]`));
  const drainingNodes = proto.drainingNodeNames.map((name, index) =>
    read.readName(name, `${path}.draining_node_names[${index}]`),
  );
  read.distinct([...nodes, ...drainingNodes], `${path}.node_names`);
  return {
    kind: 'node-port',
    nodePort,
    nodes,
    ...(drainingNodes.length === 0 ? {} : { drainingNodes }),
    ...(proto.lastResort ? { lastResort: true } : {}),
  };
}

function endpointFromProto(proto: pb.Endpoint, path: string): Endpoint {
  return {
    name: read.readName(proto.name, `${path}.name`),
    address: read.readAddress(proto.address, `${path}.address`),
    port: read.readPort(proto.port, `${path}.port`),
    draining: proto.draining,
    ...(proto.node === '' ? {} : { node: read.readName(proto.node, `${path}.node`) }),
  };
}

export function checkToProto(check: Check): pb.Check.$Properties {
  if (check.kind !== 'http') return { [check.kind]: {} };
  const { port, path, expectedStatus } = check;
  return { http: { port, path, expectedStatus } };
}

/** Throws INVALID_ARGUMENT with the field at fault. */
export function checkFromProto(proto: pb.Check, path: string): Check {
  if (proto.node) return { kind: 'node' };
  if (proto.tcp) return { kind: 'tcp' };
  const http = read.required(proto.http, `${path}.kind`);
  return {
    kind: 'http',
    port: read.readInteger(http.port, `${path}.http.port`, [0, 65_535]),
    path: read.readHttpPath(http.path, `${path}.http.path`),
    ...(http.expectedStatus === 0
      ? {}
      : { expectedStatus: read.readInteger(http.expectedStatus, `${path}.http.expected_status`, HTTP_STATUS_RANGE) }),
  };
}

/** Throws INVALID_ARGUMENT with the field at fault. */
export function proxyProtocolFromProto(proto: pb.Port, path: string): Pick<Port, 'proxyProtocol'> {
  const version = proto.proxyProtocol;
  if (version === 0) return {};
  if (version === 1 || version === 2) return { proxyProtocol: version };
  throw read.invalid(`${path}.proxy_protocol`, `is ${version}: must be 1, 2, or 0 for none`);
}
