import type { Api, ApiRequest } from '../cluster/api.ts';
import { ApiFailure } from '../cluster/api.ts';

/** An API server in memory that answers each request by a function and writes down what it was asked. */
export interface FakeApi extends Api {
  /** `METHOD path`, in order. */
  readonly asked: string[];
  readonly bodies: unknown[];
  answer: (request: ApiRequest) => unknown;
}

export function fakeApi(answer: (request: ApiRequest) => unknown = () => ({})): FakeApi {
  const fake: FakeApi = {
    asked: [],
    bodies: [],
    answer,
    async request(request) {
      fake.asked.push(`${request.method} ${request.path}`);
      fake.bodies.push(request.body);
      return fake.answer(request);
    },
    stream: () => Promise.reject(new Error('no streams here')),
    close() {},
  };
  return fake;
}

export function refuse(status: number, message = 'no'): never {
  throw new ApiFailure(message, { status });
}
