/** Runs a task while no other tab of this origin runs one of the same name. */
export type Lock = <R>(name: string, task: () => Promise<R>) => Promise<R>;

export const webLock: Lock = async (name, task) => {
  // Without the API (an insecure origin) there is still one queue per tab.
  if (!globalThis.navigator?.locks) return localLock(name, task);
  return await navigator.locks.request(name, task);
};

const tails = new Map<string, Promise<unknown>>();

export const localLock: Lock = (name, task) => {
  const before = tails.get(name) ?? Promise.resolve();
  const run = before.then(task, task);
  tails.set(
    name,
    run.catch(() => undefined),
  );
  return run;
};
