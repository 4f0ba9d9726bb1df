import createOrder from "./operations/createOrder.graphql?raw";
import orderChanged from "./operations/orderChanged.graphql?raw";
import orders from "./operations/orders.graphql?raw";
import ordersChanged from "./operations/ordersChanged.graphql?raw";
import providers from "./operations/providers.graphql?raw";
import statistics from "./operations/statistics.graphql?raw";
import taskResults from "./operations/taskResults.graphql?raw";

/** What a newcomer finds in the tabs: place an order, watch it, and look around. */
export const operations = [createOrder, orderChanged, orders, providers, taskResults, ordersChanged, statistics].map(
  (query) => ({ query }),
);
