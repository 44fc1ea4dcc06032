// Package account is who may read from the relay, and how the relay is set: rows of the engine's database.
//
// It owns the buckets "relay" (settings, certificate) and "relayAccounts" (id → Row). What it hands out is kept in memory
// besides, as each request of a reader asks for it.
//
// Invariants:
//   - A password is made here, of 100 random bits, told once and kept as login.Secret only.
//   - A change counts once it is on a disk, as package mirror has it; then everybody who was given Changed is told.
//   - Without a row there are settings: those of a relay that is switched off.
//
// Concurrency: all methods may be called from anywhere.
package account
