import { signal } from "@preact/signals";

/** The path of the page that is shown. */
export const path = signal(location.pathname);

/** Goes to another page without loading the document again. @public */
export function navigate(to: string): void {
  if (to === location.pathname + location.search) return;
  history.pushState(null, "", to);
  path.value = location.pathname;
}

/** Follows the browser's own buttons, and takes over clicks on links to pages. Returns what ends that. */
export function followHistory(isPage: (path: string) => boolean): () => void {
  const onPop = () => {
    path.value = location.pathname;
  };
  const onClick = (event: MouseEvent) => {
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    const isPlain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
    if (link === null || !isPlain || event.defaultPrevented || link.target !== "" || link.hasAttribute("download"))
      return;
    const url = new URL(link.href, location.href);
    if (
      url.origin !== location.origin ||
      !isPage(url.pathname) ||
      (url.hash !== "" && url.pathname === location.pathname)
    )
      return;
    event.preventDefault();
    navigate(url.pathname + url.search);
  };
  addEventListener("popstate", onPop);
  document.addEventListener("click", onClick);
  return () => {
    removeEventListener("popstate", onPop);
    document.removeEventListener("click", onClick);
  };
}
