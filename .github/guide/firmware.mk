# The build of the guide: one small file a moment, so that there is something to look at.
parts = $(patsubst src/%.c,build/%.o,$(wildcard src/*.c))
all: build/firmware.bin
build/%.o: src/%.c
	@mkdir -p build
	@echo "  CC      $@"
	@cc -O2 -c -o $@ $<
	@sleep 0.4
build/firmware.bin: $(parts)
	@echo "  LD      $@"
	@cat $(parts) > $@
	@ls -l $@
clean:
	rm -rf build
