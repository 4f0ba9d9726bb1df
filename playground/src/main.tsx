import "./workers";
import "graphiql/style.css";
import "./style.css";

import { createRoot } from "react-dom/client";

import { Playground } from "./Playground";

const root = document.getElementById("root");
if (root === null) {
  throw new Error("the page has no element #root");
}
createRoot(root).render(<Playground />);
