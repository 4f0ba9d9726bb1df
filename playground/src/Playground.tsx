import { GraphiQL } from "graphiql";
import { useEffect, useMemo, useState } from "react";

import { createFetcher } from "./fetcher";
import { operations } from "./operations";
import { SessionBar } from "./SessionBar";
import { currentSession, type Session } from "./session/session";

// The variables editor would call any object in these scalars a mistake.
const scalars = { JSON: {}, Decimal: { type: "string" as const } };

/** GraphiQL with a sign-in above it and the ready-made operations as its first tabs. */
export function Playground() {
  const [session, setSession] = useState<Session | null>();
  // A new session sees another schema: a new fetcher makes GraphiQL ask for it.
  const fetcher = useMemo(createFetcher, [session]);

  useEffect(() => {
    void currentSession().then(setSession);
  }, []);

  if (session === undefined) {
    return null;
  }
  return (
    <>
      <SessionBar session={session} onChange={setSession} />
      <GraphiQL
        fetcher={fetcher}
        defaultTabs={operations}
        defaultEditorToolsVisibility="headers"
        inputValueDeprecation
        schemaDescription
        customScalarSchemas={scalars}
      >
        <GraphiQL.Logo>
          <span />
        </GraphiQL.Logo>
      </GraphiQL>
    </>
  );
}
