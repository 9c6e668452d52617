# The CUDA toolkit of PyTorch's build, without its driver: only the parts that are named are installed. What is there
# decides, not the installer's exit code.
$Proves = $true
$Toolkit = "$env:ProgramFiles\NVIDIA GPU Computing Toolkit\CUDA\v11.8"
$Done = { [bool](Get-Item "$Toolkit\bin\nvcc.exe" -ErrorAction SilentlyContinue).Length }
$Do = {
    Wait-Download 'cuda'
    $parts = 'nvcc', 'cudart', 'cublas', 'cublas_dev', 'nvrtc', 'nvrtc_dev', 'cufft', 'cufft_dev', 'curand', 'curand_dev', 'cusolver', 'cusolver_dev', 'cusparse', 'cusparse_dev', 'thrust' | ForEach-Object { "${_}_11.8" }
    $code = Invoke-Native (Find-Downloads 'cuda').path "-s -n -log:$Logs\cuda-setup -loglevel:6 $parts" 'cuda' 40
    if (-not (& $Done)) { throw (New-Trouble 'cuda.installer' 'the CUDA installer ended with {0}' 'Set gpuToolkit minimal: the demo runs without it.' $code) }
}
$Check = { if (-not (& $Done)) { throw (New-Trouble 'cuda.missing' 'nvcc.exe is missing' 'Set gpuToolkit minimal: the demo runs without it.') } }
