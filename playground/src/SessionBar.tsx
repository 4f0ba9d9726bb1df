import { type FormEvent, useState } from "react";

import { type Session, signIn, signOut } from "./session/session";

interface SessionBarProps {
  session: Session | null;
  /** Called with the new session, or null, once the server has confirmed it. */
  onChange(session: Session | null): void;
}

/** The strip above the editor: who is signed in, or the form to do so. */
export function SessionBar({ session, onChange }: SessionBarProps) {
  const [problem, setProblem] = useState("");
  const [isBusy, setBusy] = useState(false);

  async function attempt(action: () => Promise<Session | null>): Promise<void> {
    setBusy(true);
    setProblem("");
    try {
      onChange(await action());
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    } finally {
      setBusy(false);
    }
  }

  function submit(event: FormEvent<HTMLFormElement>): void {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    void attempt(() => signIn(String(form.get("username")), String(form.get("password"))));
  }

  return (
    <header className="session-bar">
      <a className="session-bar-name" href="/playground/">
        <img src={`${import.meta.env.BASE_URL}favicon.svg`} alt="" width="20" height="20" /> Boostress playground
      </a>
      <span className="session-bar-problem" role="alert">
        {problem}
      </span>
      {session ? (
        <div className="session-bar-form">
          <span>
            Signed in as <strong>{session.username}</strong>
          </span>
          <button
            type="button"
            disabled={isBusy}
            onClick={() =>
              void attempt(async () => {
                await signOut();
                return null;
              })
            }
          >
            Sign out
          </button>
        </div>
      ) : (
        <form className="session-bar-form" onSubmit={submit}>
          <input name="username" aria-label="Username" placeholder="Username" autoComplete="username" required />
          <input
            name="password"
            type="password"
            aria-label="Password"
            placeholder="Password"
            autoComplete="current-password"
            required
          />
          <button type="submit" disabled={isBusy}>
            Sign in
          </button>
        </form>
      )}
    </header>
  );
}
