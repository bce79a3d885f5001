import { knock } from './knock.ts';
import type { KnockOrder } from './protocol.ts';
import { serveOrders } from './serve-orders.ts';

/** A client in the lab: see `KnockOrder`. */
await serveOrders<KnockOrder>(knock);
