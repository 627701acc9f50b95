/** One at a time over all tabs of this browser. */

export type Exclusive = <T>(work: () => Promise<T>) => Promise<T>;

const LEASE_MS = 10_000;
const SETTLE_MS = 40;
const LOOK_AGAIN_MS = 80;

/**
 * Web Locks where the browser has them. It has them in secure contexts only: on a company's http address a lease in
 * the storage that the tabs share has to do.
 */
export function acrossTabs(name: string, locks: LockManager | undefined = globalThis.navigator?.locks): Exclusive {
  if (locks) return (work) => locks.request(name, work) as Promise<Awaited<ReturnType<typeof work>>>;
  return leased(name);
}

interface Lease {
  readonly holder: string;
  readonly until: number;
}

/** A tab that dies with the lease holds the others up until it runs out. */
export function leased(name: string, storage: () => Storage = () => localStorage): Exclusive {
  const key = `perdure.lease.${name}`;
  const read = (): Lease | null => {
    try {
      return JSON.parse(storage().getItem(key) ?? "null") as Lease | null;
    } catch {
      return null;
    }
  };
  return async (work) => {
    const holder = `${Date.now()}-${Math.random()}`;
    for (;;) {
      const held = read();
      if (!held || held.until < Date.now()) {
        try {
          storage().setItem(key, JSON.stringify({ holder, until: Date.now() + LEASE_MS }));
        } catch {
          return work(); // storage switched off: nothing is shared with the other tabs
        }
        await pause(SETTLE_MS); // whoever wrote last has it
        if (read()?.holder === holder) break;
      }
      await pause(LOOK_AGAIN_MS * (0.5 + Math.random()));
    }
    try {
      return await work();
    } finally {
      if (read()?.holder === holder) storage().removeItem(key);
    }
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
