import { serveOrders } from '../machine/serve-orders.ts';
import { sweep } from './sweep.ts';

/** A client in the lab: see `SweepOrder` in `sweep.ts`. */
await serveOrders(sweep);
