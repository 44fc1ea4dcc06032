package iso

import (
	"strings"

	"vigie/installer/loader"
)

// grubConfig is the boot loader's script for the system image on the medium that has the file marker.
//
// It must never come to rest at a menu or a prompt, whatever is damaged, pressed, or received as noise on the serial
// line: there is no menu, every step that can fail is a condition, and what follows the last of them is a reboot,
// for ever. It shows on the screen, and on the first serial port where BIOS has found one; UEFI firmware that minds the serial
// port itself is left to do so.
func grubConfig(marker string) string {
	return strings.NewReplacer("@MARKER@", marker, "@IMAGE@", SystemFile, "@BOOT@", loader.BootFile, "@KERNEL@", loader.Kernel, "@INITRD@", loader.Initrd).Replace(`# Made by the image build.
if [ "$grub_platform" = pc ]; then
	# What BIOS has noted as the address of the first serial port. Without one, GRUB's "serial" writes an error to the screen.
	set port=0
	read_word -v port 0x400
	if [ "$port" != 0 ]; then
		if serial --unit=0 --speed=115200; then
			terminal_input --append serial
			terminal_output --append serial
		fi
	fi
fi

search --no-floppy --file --set=root @MARKER@

set more_options=""
echo "Vigie (Esc: other ways to start)"
if sleep --interruptible 2; then
	true
else
	echo "Esc within 5 seconds: show all messages of the kernel"
	if sleep --interruptible 5; then
		true
	else
		set more_options="loglevel=7"
	fi
	echo "Esc within 5 seconds: start in rescue mode"
	if sleep --interruptible 5; then
		true
	else
		set more_options="$more_options vigie.rescue=on"
	fi
	echo "Esc within 5 seconds: start with the network reset"
	if sleep --interruptible 5; then
		true
	else
		set more_options="$more_options vigie.reset=network"
	fi
fi

if loopback system ($root)/@IMAGE@; then
	if load_env -f (system)/@BOOT@ options; then
		if linux (system)/@KERNEL@ $options $more_options; then
			if initrd (system)/@INITRD@; then
				boot
			fi
		fi
	fi
fi

while true; do
	echo "This medium is damaged: Vigie cannot start from it. Next try in 30 seconds."
	sleep 30
	reboot
done
`)
}
