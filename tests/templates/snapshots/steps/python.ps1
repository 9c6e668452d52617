# Miniconda for its Python 3.10, and an environment of its own made by Python itself: no conda channel is asked, so
# the terms of Anaconda's channels need nobody's consent. This release of Miniconda is older than the plug-in that asks.
$Done = { Test-Path $Python }
$Do = {
    Remove-Item $Venv, $Conda -Recurse -Force -ErrorAction SilentlyContinue
    $file = $Manifest.files | Where-Object { $_.id -eq 'miniconda' }
    Save-File $file.urls $file.path $file.sha256
    # The target comes last and without quotes, or the installer does not take it.
    $code = Invoke-Native $file.path "/InstallationType=AllUsers /RegisterPython=0 /AddToPath=0 /S /D=$Conda" 'python' 15
    if ($code -ne 0) { throw "the Miniconda installer ended with $code | Is there room on the disk?" }
    Protect-Folder $Conda
    $code = Invoke-Native "$Conda\python.exe" "-m venv $Venv" 'python'
    if ($code -ne 0) { throw "the Python environment cannot be made ($code)" }
    Remove-Item $file.path -Force
}
$Check = {
    $code = Invoke-Native $Python '-c "import ssl, sys; assert sys.version_info[:2] == (3, 10), sys.version"' 'python'
    if ($code -ne 0) { throw 'Python 3.10 with TLS does not start' }
}
