import { knock } from './knock.ts';
import { serveOrders } from './serve-orders.ts';

/** A client in the lab: see `KnockOrder` in `protocol.ts`. */
await serveOrders(knock);
