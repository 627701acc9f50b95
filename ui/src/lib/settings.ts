/** Names of what this browser remembers of a person's wishes. */

/** `false`: start and resume sessions beside running ones without asking. */
export const ONE_AT_A_TIME = "one-at-a-time";
/** `true`: say on the desktop when somebody is needed. */
export const NOTIFY = "notify";
