import { endpoint } from "./endpoint";

/** Who is signed in. The name is empty where the server knows the session but not under which name it began. */
export interface Session {
  username: string;
}

interface UserError {
  message: string;
}

interface Answer<T> {
  data?: T | null;
  errors?: UserError[];
}

const nameKey = "boostress:username";

/** Signs in with a cookie. It throws an Error with the server's own words when the server refuses. */
export async function signIn(username: string, password: string): Promise<Session> {
  const answer = await post<{ signIn: { user: { username?: string } | null; userErrors: UserError[] } | null }>(
    `mutation PlaygroundSignIn($input: SignInInput!) {
      signIn(input: $input) { user { username } userErrors { message } }
    }`,
    { input: { username, password } },
  );
  const payload = answer.data?.signIn;
  if (!payload?.user) {
    const refusal = payload?.userErrors[0] ?? answer.errors?.[0];
    throw new Error(refusal?.message ?? "The server did not accept the sign-in.");
  }

  const name = payload.user.username ?? username;
  localStorage.setItem(nameKey, name);
  return { username: name };
}

/** Ends the session and closes its sockets. */
export async function signOut(): Promise<void> {
  await post(`mutation PlaygroundSignOut { signOut { __typename } }`);
  localStorage.removeItem(nameKey);
}

/** Finds out whether the browser's cookie is still good; null when it is not, or when the server is away. */
export async function currentSession(): Promise<Session | null> {
  try {
    const answer = await post<{ viewer: object | null }>(`query PlaygroundViewer { viewer { __typename } }`);
    return answer.data?.viewer ? { username: localStorage.getItem(nameKey) ?? "" } : null;
  } catch {
    return null;
  }
}

async function post<T>(query: string, variables?: object): Promise<Answer<T>> {
  const response = await fetch(endpoint, {
    method: "POST",
    credentials: "same-origin",
    headers: { "Content-Type": "application/json", Accept: "application/json" },
    body: JSON.stringify({ query, variables }),
    signal: AbortSignal.timeout(10_000),
  });
  try {
    return (await response.json()) as Answer<T>;
  } catch {
    throw new Error(`The server answered with status ${response.status}.`);
  }
}
