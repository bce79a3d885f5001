import { request } from 'node:http';
import { connect } from 'node:net';

/** Does anything accept a connection there within 500 ms? */
export function tcpAnswers(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 500 });
    const done = (answered: boolean) => () => {
      socket.destroy();
      resolve(answered);
    };
    socket.on('connect', done(true)).on('error', done(false)).on('timeout', done(false));
  });
}

/** Does it answer 200 within a second? */
export function httpAnswers(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request(url, { timeout: 1000, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    asked.on('timeout', () => asked.destroy()).on('error', () => resolve(false));
    asked.end();
  });
}
