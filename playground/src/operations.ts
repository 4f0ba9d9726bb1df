import bulkOperation from "./operations/bulkOperation.graphql?raw";
import createOrder from "./operations/createOrder.graphql?raw";
import createSchedule from "./operations/createSchedule.graphql?raw";
import holdOrder from "./operations/holdOrder.graphql?raw";
import orderChanged from "./operations/orderChanged.graphql?raw";
import orders from "./operations/orders.graphql?raw";
import ordersChanged from "./operations/ordersChanged.graphql?raw";
import providers from "./operations/providers.graphql?raw";
import queues from "./operations/queues.graphql?raw";
import scheduleFired from "./operations/scheduleFired.graphql?raw";
import schedules from "./operations/schedules.graphql?raw";
import simulateRouting from "./operations/simulateRouting.graphql?raw";
import statistics from "./operations/statistics.graphql?raw";
import taskResults from "./operations/taskResults.graphql?raw";

/** What a newcomer finds in the tabs: place an order, watch it, handle it and many others, have it done again and again, and look around. */
export const operations = [
  createOrder,
  orderChanged,
  orders,
  holdOrder,
  bulkOperation,
  providers,
  simulateRouting,
  createSchedule,
  scheduleFired,
  schedules,
  taskResults,
  queues,
  ordersChanged,
  statistics,
].map((query) => ({ query }));
