/** Who said what, where several people write in one session. */

export interface Author {
  readonly userId: string;
  readonly name: string;
}

/** As the wire says it, which is not believed to have the shape it should have. */
export function authorOf(value: unknown): Author | null {
  const { user_id, name } = (value ?? {}) as Record<string, unknown>;
  return typeof user_id === "string" && typeof name === "string" ? { userId: user_id, name } : null;
}

export interface Sayer {
  /** What stands above what was said. */
  readonly name: string;
  /** Whose face goes beside it; null where it says nothing, because one person writes. */
  readonly userId: string | null;
  /** It was the person on this page, and their name alone does not say so. */
  readonly mine: boolean;
}

/** How many people are among these. */
export function peopleIn(authors: readonly (Author | null)[]): number {
  return new Set(authors.flatMap((each) => (each ? [each.userId] : []))).size;
}

/**
 * Stays plain ("You") while one person writes, as on a server of one user. What was said before names were kept
 * has no author: `unnamed` stands there.
 */
export function sayerOf(author: Author | null, me: string | null, several: boolean, unnamed: string): Sayer {
  if (!author) return { name: unnamed, userId: null, mine: false };
  const mine = author.userId === me;
  if (mine && !several) return { name: "You", userId: null, mine: false };
  return { name: author.name, userId: author.userId, mine };
}
