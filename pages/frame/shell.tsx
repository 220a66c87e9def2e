import "./shell.css";
import type { ComponentType } from "preact";
import { useEffect, useLayoutEffect, useState } from "preact/hooks";
import { key, keyWanted } from "../api/key.ts";
import type { PageRoute } from "../routes.ts";
import { KeyPrompt } from "./key-prompt.tsx";
import { Empty, ErrorNote } from "./parts.tsx";
import { followHistory, path } from "./router.ts";
import { followTheme, THEMES, theme } from "./theme.ts";

/** What is around every page: the navigation, the theme, and the prompt for a key. */
export function Shell({ routes }: { readonly routes: readonly PageRoute[] }) {
  const [isAsked, setIsAsked] = useState(false);
  const current = routes.find((route) => route.path === path.value);
  // Before paint: no page flashes in other colours, and no link loads the document again.
  useLayoutEffect(() => followTheme(), []);
  useLayoutEffect(() => followHistory((to) => routes.some((route) => route.path === to)), [routes]);
  useEffect(() => {
    document.title = current === undefined ? "Sluice" : `${current.title} · Sluice`;
  }, [current]);
  return (
    <div class="shell">
      <a class="skip" href="#content">
        Skip to the content
      </a>
      <header class="side">
        <a class="brand" href="/">
          <Gate />
          Sluice
        </a>
        <nav aria-label="Pages">
          <ul>
            {routes.map((route) => (
              <li key={route.path}>
                <a href={route.path} aria-current={route === current ? "page" : undefined}>
                  {route.title}
                </a>
              </li>
            ))}
            <li>
              <a href="/docs">API</a>
            </li>
          </ul>
        </nav>
        <div class="side-foot">
          <button class="key-button" type="button" onClick={() => setIsAsked(true)}>
            {key.value === undefined ? "Use a key" : "Change key"}
          </button>
          <Themes />
        </div>
      </header>
      <main class="main" id="content">
        {current === undefined ? <NoPage /> : <Page key={current.path} route={current} />}
      </main>
      <KeyPrompt
        isOpen={isAsked || keyWanted.value !== undefined}
        reason={keyWanted.value}
        onClose={() => {
          setIsAsked(false);
          keyWanted.value = undefined;
        }}
      />
    </div>
  );
}

function NoPage() {
  return (
    <Empty>
      There is no such page. <a href="/">Go to Now.</a>
    </Empty>
  );
}

/** A page, once its code has come. */
function Page({ route }: { readonly route: PageRoute }) {
  const [loaded, setLoaded] = useState<{ readonly Component: ComponentType }>();
  const [error, setError] = useState<unknown>();
  useEffect(() => {
    let isGone = false;
    route.load().then(
      ({ default: Component }) => {
        if (!isGone) setLoaded({ Component });
      },
      (reason: unknown) => {
        if (!isGone) setError(reason);
      },
    );
    return () => {
      isGone = true;
    };
  }, [route]);
  if (error !== undefined) return <ErrorNote error={error} onRetry={() => location.reload()} />;
  return loaded === undefined ? null : <loaded.Component key={route.outlivesKey ? undefined : key.value} />;
}

function Themes() {
  return (
    <fieldset class="themes">
      <legend class="unseen">Colours</legend>
      {THEMES.map((each) => (
        <label key={each}>
          <input
            type="radio"
            name="theme"
            checked={theme.value === each}
            onChange={() => {
              theme.value = each;
            }}
          />
          {each[0]?.toUpperCase()}
          {each.slice(1)}
        </label>
      ))}
    </fieldset>
  );
}

/** A gate, half raised, over water. */
function Gate() {
  return (
    <svg viewBox="0 0 16 16" aria-hidden="true">
      <path d="M2.5 1v14M13.5 1v14" stroke="currentColor" stroke-width="1.5" />
      <path d="M2.5 3.5h11v4.5h-11z" fill="currentColor" />
      <path d="M2.5 11.25h11M2.5 14h11" stroke="currentColor" stroke-width="1.25" />
    </svg>
  );
}
