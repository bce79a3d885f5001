import { connect } from 'node:net';

/** New connection to HOST PORT every EVERY ms, from the namespace it is started in; prints each attempt as a line `START_MS WORD`. */
const [host = '', port = '0', every = '5'] = process.argv.slice(2);
const now = (): number => performance.timeOrigin + performance.now();

setInterval(() => {
  const started = now();
  let heard = '';
  const socket = connect(Number(port), host, () => socket.write('GET / HTTP/1.0\r\n\r\n'));
  const timer = setTimeout(() => socket.destroy(), 400);
  socket.on('data', (data) => {
    heard += data.toString();
  });
  socket.on('error', () => undefined);
  socket.on('close', () => {
    clearTimeout(timer);
    const body = / 200 /.test(heard) ? heard.slice(heard.lastIndexOf('\n') + 1) : 'FAILED';
    process.stdout.write(`${started} ${body || 'FAILED'}\n`);
  });
}, Number(every));
