@echo off
rem Sets up what is missing, test tools included, and runs every check that runs on Windows.
cd /d "%~dp0"
call resources\setup\setup.cmd test || exit /b 1
if not "%~1"=="" (
  "%TAHURI_VENV%\Scripts\python.exe" -m pytest %*
  exit /b
)
"%TAHURI_VENV%\Scripts\python.exe" -m tests.promises || exit /b 1
"%TAHURI_VENV%\Scripts\python.exe" -m pytest
