// Package machine proves the whole appliance: the ISO that `make image` built boots in virtual machines, by BIOS and by
// UEFI, from CD and from USB stick, in a lab network with simulated cameras, and is used through its public API alone.
// The build tag is "whole"; it needs root, and build/vigie.iso.
package machine
