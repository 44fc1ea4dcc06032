// Package system is the service that owns the machine: NICs, clock, disks, volumes and the machine configuration. It
// is the only one that runs as root, and the only one that init listens to.
//
// Each part is a private package of its own and runs in its own goroutines: network, clock, storage, config,
// supervisor. A part tells the world through the board (internal/board), which the API shows; parts do not know each
// other, and what one must tell another (NTP servers that DHCP gave) is wired in Run. A part that meets bad hardware
// or a bad peer says so in its section and goes on; none may block another, nor the boot.
//
// With -observe the service reports and changes nothing: no addresses, no clock, no mounts, no formatting; with -network
// besides, nothing but the network, which is then one of a test.
package system
