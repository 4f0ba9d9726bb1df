import { endpoint } from "../endpoint";
import signInMutation from "./signIn.graphql?raw";
import signOutMutation from "./signOut.graphql?raw";
import viewerQuery from "./viewer.graphql?raw";

/** Who is signed in with the browser's cookie. */
export interface Session {
  username: string;
}

interface Refusal {
  message: string;
}

interface Answer<T> {
  data?: T | null;
  errors?: Refusal[];
}

interface SignIn {
  signIn: { user: Session | null; userErrors: Refusal[] };
}

interface SignOut {
  signOut: { userErrors: Refusal[] };
}

interface Viewer {
  viewer: { user: Session | null };
}

/** Signs in with a cookie. It throws an Error with the server's own words when the server refuses. */
export async function signIn(username: string, password: string): Promise<Session> {
  const answer = await post<SignIn>(signInMutation, { input: { username, password } });
  const user = answer.data?.signIn.user;
  if (!user) {
    throw refusal(answer, answer.data?.signIn.userErrors, "The server did not accept the sign-in.");
  }
  return user;
}

/** Ends the session and its sockets. A session that ended by itself is no mistake. */
export async function signOut(): Promise<void> {
  const answer = await post<SignOut>(signOutMutation);
  if (answer.data?.signOut.userErrors.length) {
    throw refusal(answer, answer.data.signOut.userErrors, "");
  }
}

/** Finds out whether the browser's cookie is still good; null when it is not, or when the server is away. */
export async function currentSession(): Promise<Session | null> {
  try {
    const answer = await post<Viewer>(viewerQuery);
    return answer.data?.viewer.user ?? null;
  } catch {
    return null;
  }
}

function refusal(answer: Answer<unknown>, userErrors: Refusal[] | undefined, otherwise: string): Error {
  return new Error((userErrors?.[0] ?? answer.errors?.[0])?.message ?? otherwise);
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
