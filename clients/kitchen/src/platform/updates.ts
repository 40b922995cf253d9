/** Registers the service worker and tells when a newer build waits. Never takes it over by itself. */
export function watchUpdates(waiting: (apply: () => void) => void): void {
  if (!("serviceWorker" in navigator) || !import.meta.env.PROD) return;
  let asked = false;
  navigator.serviceWorker.addEventListener("controllerchange", () => {
    // The first worker of a fresh install takes control too; only a wanted change reloads.
    if (asked) location.reload();
  });
  const offer = (worker: ServiceWorker) =>
    waiting(() => {
      asked = true;
      worker.postMessage({ type: "SKIP_WAITING" });
    });
  void navigator.serviceWorker
    .register(`${import.meta.env.BASE_URL}sw.js`, { scope: import.meta.env.BASE_URL })
    .then((registration) => {
      if (registration.waiting && navigator.serviceWorker.controller) offer(registration.waiting);
      registration.addEventListener("updatefound", () => {
        const worker = registration.installing;
        worker?.addEventListener("statechange", () => {
          if (worker.state === "installed" && navigator.serviceWorker.controller) offer(worker);
        });
      });
      setInterval(() => void registration.update().catch(() => undefined), 30 * 60_000);
    })
    .catch(() => undefined);
}
