# Everything by one word; `make help` lists it.
PYTHON ?= python3.11
VENV := .venv
RUN := $(VENV)/bin/python
READY := $(VENV)/.ready
# The machine runs Python 3.10: pyenv's where it is there, else the one on the path.
MACHINE_PYTHON ?= $(firstword $(wildcard $(HOME)/.pyenv/versions/3.10.*/bin/python) $(shell command -v python3.10))
MACHINE_VENV := .venv-machine
MACHINE_RUN := $(MACHINE_VENV)/bin/python
MACHINE_READY := $(MACHINE_VENV)/.ready
# torch, as on the machine, beside the virtual environment: only the tests of the decoder see it.
TORCH := .local/torch
SHELL := /bin/bash
# Where this is set, each of the many processes of a test or a rehearsal compiles all modules anew: three times the work.
unexport PYTHONDONTWRITEBYTECODE
.DEFAULT_GOAL := help
# In CI a failed test runs once more, alone: what fails then fails for good. Both runs are printed, so that a test which
# only failed beside others is seen and mended, while the change at hand does not wait for it.
once_more = || { test -n "$$CI" && echo "Once more, alone, what failed:" && $(1) --last-failed --last-failed-no-failures none; }

.PHONY: help shell up park restore destroy down reset password test test-fast test-guest test-engine test-whole test-windows test-sweep test-ownership test-guard mutants bench lint format preview-change

help: ## this list / 本列表
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 22

up: $(READY) ## set everything up and bring the rehearsal machine up / 准备环境并启动演练机器
	@$(RUN) -m tools.rehearsal up

park: $(READY) ## save the machine as an image and end it / 停放：制作镜像并销毁机器
	@$(RUN) -m tools.rehearsal park

restore: $(READY) ## bring it back from the image / 从镜像恢复
	@$(RUN) -m tools.rehearsal restore

destroy: $(READY) ## destroy the stack; the newest image stays / 销毁整个栈，保留最新镜像
	@$(RUN) -m tools.rehearsal destroy

shell: $(READY) ## a shell in which pulumi and chatglm mean the rehearsal / 进入演练环境的 shell
	@$(RUN) -m tools.rehearsal shell

down: $(READY) ## stop the local cloud / 关闭本地云
	@$(RUN) -m tools.rehearsal down

reset: down ## forget the whole rehearsal: stack, machines, bill / 清除全部演练数据
	@rm -rf .local/cloud .local/state .local/pulumi .local/passphrase .local/own stacks/Pulumi.local.yaml

password: $(READY) ## show the demo's password / 显示演示页密码
	@$(RUN) -m tools.rehearsal password

test: $(READY) ## all tests, the end-to-end ones included / 全部测试
	@$(RUN) -m rehearsal.engine >/dev/null
	@$(RUN) -m pytest -n 2 $(call once_more,$(RUN) -m pytest)
	@$(MAKE) --no-print-directory test-guest

test-fast: $(READY) ## what needs neither the engine nor minutes, for everyday use / 日常快速测试
	@$(RUN) -m pytest -n 2 -m "not e2e and not slow"

test-engine: $(READY) $(TORCH)/.ready ## the decoder and what training leaves out, with torch on the CPU and the CUDA compiler (4 GB to install) / 推理引擎测试
	@export PYTHONPATH=$(TORCH); tests="-o cache_dir=.local/pytest-engine tests/guest/engine tests/guest/training/test_thrift.py"; \
	  $(RUN) -m pytest -n 2 $$tests $(call once_more,$(RUN) -m pytest $$tests)

test-guest: ## what runs on the machine, on its own Python 3.10 / 在机器所用的 Python 3.10 上测试
ifeq ($(MACHINE_PYTHON),)
	@echo "NOT TESTED ON PYTHON 3.10, which the machine runs: none was found. Install one (pyenv install 3.10), or name it:"
	@echo "  make test-guest MACHINE_PYTHON=/path/to/python3.10"
	@test -z "$$CI"
else
	@$(MAKE) --no-print-directory $(MACHINE_READY)
	@tests="-o cache_dir=$(MACHINE_VENV)/pytest -W ignore::pytest.PytestConfigWarning tests/guest"; \
	  $(MACHINE_RUN) -m pytest -n 2 $$tests $(call once_more,$(MACHINE_RUN) -m pytest $$tests)
endif

test-whole: $(READY) ## the cases that make test has a like one of (some ten minutes; goes on where it was cut off) / make test 所省略的同类用例
	@$(RUN) -m rehearsal.engine >/dev/null
	@tests="--whole --go-on -m whole"; $(RUN) -m pytest -n 2 $$tests $(call once_more,$(RUN) -m pytest $$tests)

test-windows: $(READY) ## every scenario of the machine's scripts, in PowerShell (an hour; goes on where it stopped) / 全部脚本场景
	@$(RUN) -m tests.windows

test-sweep: $(READY) ## a fault at every API call of the stack's life (an hour and a half; goes on where it was cut off) / 逐个调用注入故障（约一个半小时，可续跑）
	@$(RUN) -m rehearsal.engine >/dev/null
	@$(RUN) -m tests.sweep

test-ownership: $(READY) ## two states at odds over one machine, every pair and stage (some ten minutes) / 两个状态争用同一机器的全部情形
	@$(RUN) -m rehearsal.engine >/dev/null
	@$(RUN) -m tests.ownership

test-guard: $(READY) ## guards killed, denied and cut off at every call, and beside others (an hour; goes on where it was cut off) / 看护程序的全部故障情形
	@$(RUN) -m rehearsal.engine >/dev/null
	@$(RUN) -m tests.guard

mutants: $(READY) ## is a small change noticed by the unit tests? a sample (half an hour; goes on where it stopped) / 变异测试
	@$(RUN) -m tests.mutants

lint: $(READY) ## ruff, mypy in strict mode, the floors, and the checks on PowerShell and workflows / 代码检查
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .
	@$(RUN) -m mypy
	@$(RUN) -m tools.lint_powershell
	@$(RUN) -m tools.lint_workflows

preview-change: $(READY) ## what this checkout would do to stacks, against BASE=folder of the branch before / 预演改动
	@$(RUN) -m rehearsal.engine >/dev/null
	@$(RUN) -m tools.pull_request.preview --base "$(BASE)" --out "$(OUT)"

format: $(READY) ## format the code / 格式化代码
	@$(RUN) -m ruff format .

bench: $(READY) ## measure the figures / 性能基准
	@$(RUN) -m rehearsal.engine >/dev/null
	@$(RUN) -m bench

# Only what is missing is named, in one line, before anything is made.
$(READY): requirements-dev.txt pyproject.toml
	@for tool in git $(PYTHON); do command -v $$tool >/dev/null || \
	  { echo "$$tool is missing: install it first (Debian: apt install git python3.11 python3.11-venv)."; exit 1; }; done
	@$(PYTHON) -m venv --help >/dev/null 2>&1 || { echo "Python's venv module is missing: apt install python3.11-venv."; exit 1; }
	@echo "Setting up the virtual environment (about two minutes) / 正在准备虚拟环境 ..."
	@$(PYTHON) -m tools.environment
	@touch $(READY)

$(MACHINE_READY): requirements-machine.txt
	@echo "Setting up the machine's Python / 正在准备机器所用的 Python: $(MACHINE_PYTHON) ..."
	@rm -rf $(MACHINE_VENV)
	@$(MACHINE_PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 10))' || \
	  { echo "$(MACHINE_PYTHON) is not Python 3.10."; exit 1; }
	@$(MACHINE_PYTHON) -m venv $(MACHINE_VENV)
	@$(MACHINE_RUN) -m pip install --disable-pip-version-check --quiet --no-deps -r requirements-machine.txt
	@touch $(MACHINE_READY)

$(TORCH)/.ready: requirements-engine.txt | $(READY)
	@echo "Fetching torch and the CUDA compiler for the decoder's tests (2.3 GB) / 正在下载 torch 与 CUDA 编译器 ..."
	@rm -rf $(TORCH)
	@$(RUN) -m pip install --disable-pip-version-check --quiet --no-deps --target $(TORCH) -r requirements-engine.txt
	@touch $(TORCH)/.ready
