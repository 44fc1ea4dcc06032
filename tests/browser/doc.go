// Package browser proves the web admin from end to end: Debian's Chromium, driven by playwright-core, does what the
// owner of an appliance does, against the real services and simulated cameras, and reads from the pixels of the
// pictures which instant they show. Screenshots of every page go to build/shots. The build tag is "whole".
package browser
